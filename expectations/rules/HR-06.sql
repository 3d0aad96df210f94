-- The identity number of the head stands for a household of another code, too: in the same report, or in another that
-- is accepted for the same year. A row of that one is told by the case number alone, which is the same for all
-- concerned: the first report and row with that number. Not judged: a row without the number or a household code.
with numbered as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.household_code,
        b.head_national_id,
        b.sender_code,
        b.standard_code,
        b.period_end,
        first_value(b.row_number) over (
            partition by b.submission_id, b.head_national_id
            order by b.sheet_name, b.row_number
        ) as first_row
    from {batch} as b
    where
        b.head_national_id is not null
        and b.household_code is not null
),

here as (
    select
        n.submission_id,
        n.sheet_name,
        n.row_number,
        string_agg(
            case when other.sheet_name <> n.sheet_name then other.sheet_name || '!' else '' end || other.row_number,
            ', ' order by other.sheet_name, other.row_number
        ) as places
    from numbered as n
    inner join numbered as other
        on
            n.submission_id = other.submission_id
            and n.head_national_id = other.head_national_id
            and n.household_code <> other.household_code
    group by n.submission_id, n.sheet_name, n.row_number
),

elsewhere as (
    select
        n.submission_id,
        n.sheet_name,
        n.row_number,
        case
            when min(a.submission_id) < n.submission_id
                then (
                    array_agg(
                        a.submission_id || '-' || a.row_number
                        order by a.submission_id, a.sheet_name, a.row_number
                    )
                )[1]
            else n.submission_id || '-' || n.first_row
        end as case_number
    from numbered as n
    inner join accepted.household_review as a
        on
            n.head_national_id = a.head_national_id
            and n.period_end = a.period_end
            and n.household_code <> a.household_code
            and (n.sender_code, n.standard_code) <> (a.sender_code, a.standard_code)
    group by n.submission_id, n.sheet_name, n.row_number, n.first_row
)

select
    n.submission_id,
    n.sheet_name,
    n.row_number,
    'head_national_id' as column_name,
    n.head_national_id as value,
    concat_ws(
        '; ',
        'dòng ' || here.places || ' của báo cáo này',
        'vụ việc số ' || elsewhere.case_number
    ) as where_vi,
    concat_ws(
        '; ',
        'row ' || here.places || ' of this report',
        'case number ' || elsewhere.case_number
    ) as where_en
from numbered as n
left join here
    on
        n.submission_id = here.submission_id
        and n.sheet_name = here.sheet_name
        and n.row_number = here.row_number
left join elsewhere
    on
        n.submission_id = elsewhere.submission_id
        and n.sheet_name = elsewhere.sheet_name
        and n.row_number = elsewhere.row_number
where
    here.places is not null
    or elsewhere.case_number is not null
