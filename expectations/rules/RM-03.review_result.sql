-- A declared count is not the one of the sender's accepted household list of that year and standard; a form that names
-- no standard is compared with the only list there is. Residents are not counted from lists. The households told are
-- those that the list counts, where the form says none, and those of last year's list that this year's lacks, where the
-- form says more. Not judged: without an accepted list, a commune of whose list a row is held, and a missing figure.
with list as (
    select
        sender_code,
        period_code,
        standard_code,
        count(*) over (partition by sender_code, period_code) as list_count
    from ops.submission
    where
        dataset = 'household_review'
        and status_code in ('accepted', 'accepted_with_findings')
),

held as (
    select
        list.sender_code,
        list.period_code,
        list.standard_code,
        coalesce(review.commune_code, left(review.household_code, 5)) as commune_code
    from ops.submission as list
    inner join ops.held_row as held_row on list.submission_id = held_row.submission_id
    inner join raw.household_review as review
        on
            held_row.submission_id = review.submission_id
            and held_row.sheet_name = review.sheet_name
            and held_row.row_number = review.row_number
    where
        list.dataset = 'household_review'
        and list.status_code in ('accepted', 'accepted_with_findings')
),

declared as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.commune_code,
        list.standard_code,
        extract(year from b.period_end) as review_year,
        b.poor_count,
        b.near_poor_count,
        b.poor_persons,
        b.near_poor_persons
    from {batch} as b
    inner join list
        on
            b.sender_code = list.sender_code
            and b.period_code = list.period_code
            and (b.standard_code = list.standard_code or (b.standard_code = '' and list.list_count = 1))
    where
        b.commune_code is not null
        and not exists (
            select 1
            from held
            where
                held.sender_code = b.sender_code
                and held.period_code = b.period_code
                and held.standard_code = list.standard_code
                and coalesce(held.commune_code, b.commune_code) = b.commune_code
        )
),

-- A household in the lists of two senders counts in the one received last.
household as (
    select distinct on (household_code, standard_code, period_end)
        household_code,
        standard_code,
        extract(year from period_end) as review_year,
        commune_code,
        class_reported as class_code,
        member_count
    from accepted.household_review
    where
        extract(year from period_end) in (
            select declared.review_year
            from declared
            union
            select declared.review_year - 1
            from declared
        )
    order by household_code, standard_code, period_end, submission_id desc, row_number
),

counted as (
    select
        standard_code,
        review_year,
        commune_code,
        class_code,
        count(*) as household_count,
        sum(member_count)::bigint as person_count,
        array_agg(household_code order by household_code) as household_codes
    from household
    group by standard_code, review_year, commune_code, class_code
),

off_list as (
    select
        before.standard_code,
        before.review_year + 1 as review_year,
        before.commune_code,
        before.class_code,
        array_agg(before.household_code order by before.household_code) as household_codes
    from household as before
    left join household as this_year
        on
            before.household_code = this_year.household_code
            and before.standard_code = this_year.standard_code
            and before.review_year + 1 = this_year.review_year
    where this_year.household_code is null
    group by before.standard_code, before.review_year, before.commune_code, before.class_code
),

figure as (
    select
        declared.submission_id,
        declared.sheet_name,
        declared.row_number,
        pair.column_name,
        pair.value,
        case
            when pair.column_name like '%_count' then coalesce(counted.household_count, 0)
            else coalesce(counted.person_count, 0)
        end as expected,
        case
            when pair.value = 0 then counted.household_codes
            when pair.value > case
                when pair.column_name like '%_count' then coalesce(counted.household_count, 0)
                else coalesce(counted.person_count, 0)
            end then off_list.household_codes
        end as told_codes
    from declared
    cross join lateral (
        values
        ('poor_count', 'poor', declared.poor_count),
        ('near_poor_count', 'near_poor', declared.near_poor_count),
        ('poor_persons', 'poor', declared.poor_persons),
        ('near_poor_persons', 'near_poor', declared.near_poor_persons)
    ) as pair (column_name, class_code, value)
    left join counted
        on
            declared.standard_code = counted.standard_code
            and declared.review_year = counted.review_year
            and declared.commune_code = counted.commune_code
            and pair.class_code = counted.class_code
    left join off_list
        on
            declared.standard_code = off_list.standard_code
            and declared.review_year = off_list.review_year
            and declared.commune_code = off_list.commune_code
            and pair.class_code = off_list.class_code
)

select
    figure.submission_id,
    figure.sheet_name,
    figure.row_number,
    figure.column_name,
    figure.value,
    figure.expected,
    coalesce(array_to_string(figure.told_codes[1:5], ', '), 'chưa xác định được') as households_vi,
    coalesce(array_to_string(figure.told_codes[1:5], ', '), 'could not be told') as households_en
from figure
where figure.value <> figure.expected
