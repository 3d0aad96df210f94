-- The start of the year is not the end of the last accepted year's form under the same standard. A commune is followed
-- by its code; over the day when the district level ended, the start is the sum of the communes that went over whole.
-- Not judged: no form of an earlier year under the standard; a commune made of parts, or of communes one of which has
-- no form of that year; a form that names no standard, of a year under two.
with standard_of_year as (
    select
        review_year,
        min(code) as standard_code
    from reference.poverty_standard
    cross join generate_series(review_year_from, review_year_to) as years (review_year)
    group by review_year
    having count(distinct code) = 1
),

two_level as (
    select min(valid_from) as begins_on
    from reference.admin_unit
    where system = 'two_level'
),

accepted_form as (
    select
        'poor_movement' as dataset,
        submission_id,
        standard_code,
        period_end,
        commune_code,
        counted,
        "end"
    from accepted.poor_movement
    union all
    select
        'near_poor_movement' as dataset,
        submission_id,
        standard_code,
        period_end,
        commune_code,
        counted,
        "end"
    from accepted.near_poor_movement
),

form_of_standard as (
    select
        accepted_form.dataset,
        accepted_form.submission_id,
        accepted_form.period_end,
        accepted_form.commune_code,
        accepted_form.counted,
        accepted_form."end",
        accepted_form.period_end >= two_level.begins_on as is_two_level,
        coalesce(nullif(accepted_form.standard_code, ''), standard_of_year.standard_code) as standard_code
    from accepted_form
    cross join two_level
    left join standard_of_year on extract(year from accepted_form.period_end) = standard_of_year.review_year
    where accepted_form."end" is not null
),

-- A commune in the forms of two senders counts in the one received last.
year_end as (
    select distinct on (dataset, period_end, standard_code, commune_code, counted) *
    from form_of_standard
    order by dataset, period_end, standard_code, commune_code, counted, submission_id desc
),

declared as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        form.dataset,
        b.period_end,
        b.commune_code,
        b.counted,
        b.start,
        b.period_end >= two_level.begins_on as is_two_level,
        coalesce(nullif(b.standard_code, ''), standard_of_year.standard_code) as standard_code
    from {batch} as b
    inner join ops.submission as form on b.submission_id = form.submission_id
    cross join two_level
    left join standard_of_year on extract(year from b.period_end) = standard_of_year.review_year
    where b.start is not null
),

-- The communes that a commune was made of when the district level ended.
made_of as (
    select
        new_commune_code as commune_code,
        old_commune_code as origin_code,
        count(*) over whole_commune as origin_count,
        bool_and(how = 'whole') over whole_commune as is_whole
    from reference.admin_unit_successor
    window whole_commune as (partition by new_commune_code)
),

earlier as (
    select
        declared.submission_id,
        declared.sheet_name,
        declared.row_number,
        year_end.period_end,
        year_end."end",
        1 as origin_count
    from declared
    inner join year_end
        on
            declared.dataset = year_end.dataset
            and declared.standard_code = year_end.standard_code
            and declared.counted = year_end.counted
            and declared.commune_code = year_end.commune_code
            and declared.period_end > year_end.period_end
            and declared.is_two_level = year_end.is_two_level
    union all
    select
        declared.submission_id,
        declared.sheet_name,
        declared.row_number,
        year_end.period_end,
        year_end."end",
        made_of.origin_count
    from declared
    inner join made_of
        on
            declared.commune_code = made_of.commune_code
            and made_of.is_whole
    inner join year_end
        on
            declared.dataset = year_end.dataset
            and declared.standard_code = year_end.standard_code
            and declared.counted = year_end.counted
            and made_of.origin_code = year_end.commune_code
    where
        declared.is_two_level
        and not year_end.is_two_level
),

earlier_year as (
    select
        submission_id,
        sheet_name,
        row_number,
        period_end,
        extract(year from period_end)::integer as known_year,
        sum("end")::bigint as expected,
        count(*) = min(origin_count) as is_whole
    from earlier
    group by submission_id, sheet_name, row_number, period_end
),

last_year as (
    select distinct on (submission_id, sheet_name, row_number) *
    from earlier_year
    order by submission_id, sheet_name, row_number, period_end desc
)

select
    declared.submission_id,
    declared.sheet_name,
    declared.row_number,
    'start' as column_name,
    declared.start as value,
    last_year.known_year as year,
    last_year.expected
from declared
inner join last_year
    on
        declared.submission_id = last_year.submission_id
        and declared.sheet_name = last_year.sheet_name
        and declared.row_number = last_year.row_number
where
    last_year.is_whole
    and declared.start <> last_year.expected
