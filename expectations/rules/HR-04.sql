-- The movement does not follow from the two classes of the row. 'other' may stand with any classes. A household that
-- comes to be poor or near-poor relapses if an earlier accepted review under the same standard found it so, and is new
-- if earlier reviews did not; either will do where there is none, where it was so under another standard, and for a
-- near-poor household that had been poor. Not judged: a row without both classes and a movement.
with history as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        bool_or(a.class_reported = 'poor' and a.standard_code = b.standard_code) as was_poor,
        bool_or(a.class_reported = 'near_poor' and a.standard_code = b.standard_code) as was_near_poor,
        bool_and(a.class_reported <> 'poor') as was_never_poor,
        bool_and(a.class_reported <> 'near_poor') as was_never_near_poor
    from {batch} as b
    inner join accepted.household_review as a
        on
            b.household_code = a.household_code
            and b.period_end > a.period_end
    where
        b.class_previous = 'not_poor'
        and b.class_reported in ('poor', 'near_poor')
    group by b.submission_id, b.sheet_name, b.row_number
),

followed as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.movement_reported,
        b.class_previous,
        b.class_reported,
        case
            when b.class_previous = b.class_reported then array['stayed']
            when b.class_previous = 'poor' and b.class_reported = 'near_poor' then array['poor_to_near_poor']
            when b.class_previous = 'poor' then array['escaped_poverty']
            when b.class_previous = 'near_poor' and b.class_reported = 'poor' then array['near_poor_to_poor']
            when b.class_previous = 'near_poor' then array['escaped_near_poverty']
            when b.class_reported = 'poor' and history.was_poor then array['poor_relapsed']
            when b.class_reported = 'poor' and history.was_never_poor then array['poor_new']
            when b.class_reported = 'poor' then array['poor_new', 'poor_relapsed']
            when history.was_near_poor then array['near_poor_relapsed']
            when history.was_never_poor and history.was_never_near_poor then array['near_poor_new']
            else array['near_poor_new', 'near_poor_relapsed']
        end as expected
    from {batch} as b
    left join history
        on
            b.submission_id = history.submission_id
            and b.sheet_name = history.sheet_name
            and b.row_number = history.row_number
    where
        b.class_previous in ('poor', 'near_poor', 'not_poor')
        and b.class_reported in ('poor', 'near_poor', 'not_poor')
        and b.movement_reported <> 'other'
)

select
    submission_id,
    sheet_name,
    row_number,
    'movement_reported' as column_name,
    movement_reported as value,
    movement_reported as reported,
    class_previous as previous,
    'class_previous' as previous_code_of,
    class_reported as current,
    'class_reported' as current_code_of,
    expected
from followed
where movement_reported <> all(expected)
