{{ config(
    key=['household_id', 'review_year', 'standard_code', 'form_code', 'column_code'],
    slice_by=['household_id'],
    touched_by={
        'int_household__reviewed': ['household_id'],
        'int_household__classified': ['household_id'],
        'int_household__off_list': ['household_id'],
        'int_household__identity': ['household_id'],
        'int_place__resolved': none,
    }
) }}

with review as (
    select
        review.household_id,
        review.household_code,
        review.review_year,
        review.standard_code,
        review.period_code,
        review.commune_code,
        review.district_code,
        review.province_code,
        review.previous_class_code,
        review.class_code,
        review.movement_code,
        review.member_count_at_start,
        review.member_count,
        review.submission_id,
        review.sheet_name,
        review.row_number,
        before.household_code as household_code_before,
        before.submission_id as submission_id_before,
        before.sheet_name as sheet_name_before,
        before.row_number as row_number_before,
        left_place.commune_code as commune_code_left,
        left_place.district_code as district_code_left,
        left_place.province_code as province_code_left,
        left_place.reporting_sender_code as sender_code_left,
        -- who lived in a commune that was divided, or of which nobody tells what became, stayed where the list has it
        coalesce(
            left_place.commune_code <> review.commune_code
            and review.period_end_on between left_unit.valid_from and left_unit.valid_until
            and not exists (
                select 1
                from {{ ref('admin_unit_successor') }} as successor
                where
                    before.commune_code = successor.old_commune_code
                    and review.commune_code = successor.new_commune_code
                    and before.period_end_on < left_unit.valid_from
            ),
            false
        ) as is_moved
    from {{ ref('int_household__reviewed') }} as review -- slice: household_id
    left join {{ ref('int_household__classified') }} as before -- slice: household_id
        on
            review.household_id = before.household_id
            and review.standard_code = before.standard_code
            and review.review_year = before.review_year + 1
    -- the unit of this year that last year's commune became
    left join {{ ref('int_place__resolved') }} as left_place
        on
            before.commune_code = left_place.named_commune_code
            and before.period_end_on = left_place.named_on
            and review.period_end_on = left_place.placed_on
    left join {{ ref('int_place__dated_unit') }} as left_unit on left_place.admin_unit_key = left_unit.admin_unit_key
),

held_row as (
    select distinct
        known.household_id,
        held.period_code,
        held.standard_code
    from {{ ref('stg_household_review_held') }} as held
    inner join {{ ref('int_household__identity') }} as known on held.household_code = known.household_code
),

other_list as (
    select
        off_list.household_id,
        off_list.review_year,
        off_list.standard_code,
        bool_or(list_row.review_year = off_list.review_year) as is_of_same_year,
        bool_or(list_row.review_year > off_list.review_year and list_row.standard_code = off_list.standard_code)
            as is_later
    from {{ ref('int_household__off_list') }} as off_list -- slice: household_id
    inner join {{ ref('int_household__classified') }} as list_row -- slice: household_id
        on off_list.household_id = list_row.household_id
    group by off_list.household_id, off_list.review_year, off_list.standard_code
),

-- Each household as one commune sees it: its class there at the start, what happened, and its class there at the end.
seen as (
    select
        household_id,
        household_code,
        review_year,
        standard_code,
        period_code,
        commune_code,
        district_code,
        province_code,
        previous_class_code,
        class_code,
        case when not is_moved then previous_class_code end as class_code_at_start,
        case when is_moved then 'other' else movement_code end as movement_code,
        class_code as class_code_at_end,
        case when not is_moved then member_count_at_start end as member_count_at_start,
        member_count,
        household_code_before is not null as is_on_last_list,
        false as is_unexplained,
        null as unexplained_reason_code,
        review_year as list_year,
        submission_id,
        sheet_name,
        row_number
    from review
    union all
    -- the commune that it moved away from: only a list that came tells who left it
    select
        review.household_id,
        review.household_code_before,
        review.review_year,
        review.standard_code,
        review.period_code,
        review.commune_code_left,
        review.district_code_left,
        review.province_code_left,
        review.previous_class_code,
        review.class_code,
        review.previous_class_code as class_code_at_start,
        'other',
        null,
        review.member_count_at_start,
        null,
        true,
        false,
        null,
        review.review_year - 1,
        review.submission_id_before,
        review.sheet_name_before,
        review.row_number_before
    from review
    inner join {{ ref('int_household__list') }} as list
        on
            review.sender_code_left = list.sender_code
            and review.standard_code = list.standard_code
            and review.review_year = list.review_year
    where review.is_moved
    union all
    -- one that this year's list lacks left in a way that nobody tells, unless its row is held
    select
        off_list.household_id,
        off_list.household_code,
        off_list.review_year,
        off_list.standard_code,
        off_list.period_code,
        off_list.commune_code,
        off_list.district_code,
        off_list.province_code,
        off_list.previous_class_code,
        null,
        off_list.previous_class_code as class_code_at_start,
        'other',
        null,
        off_list.member_count_at_start,
        null,
        true,
        held_row.household_id is null,
        case
            when held_row.household_id is not null then null
            when other_list.is_of_same_year then 'on_list_of_other_standard'
            when other_list.is_later then 'on_later_list'
            else 'on_no_list'
        end,
        off_list.review_year - 1,
        before.submission_id,
        before.sheet_name,
        before.row_number
    from {{ ref('int_household__off_list') }} as off_list -- slice: household_id
    inner join {{ ref('int_household__classified') }} as before -- slice: household_id
        on
            off_list.household_id = before.household_id
            and off_list.standard_code = before.standard_code
            and off_list.review_year = before.review_year + 1
    left join other_list
        on
            off_list.household_id = other_list.household_id
            and off_list.review_year = other_list.review_year
            and off_list.standard_code = other_list.standard_code
    left join held_row
        on
            off_list.household_id = held_row.household_id
            and off_list.period_code = held_row.period_code
            and off_list.standard_code = held_row.standard_code
),

movement_column (movement_code, form_code, column_code) as (
    values
    ('poor_to_near_poor', 'poor', 'to_near_poor'),
    ('poor_to_near_poor', 'near_poor', 'from_poor'),
    ('poor_to_above', 'poor', 'to_above'),
    ('near_poor_to_poor', 'near_poor', 'to_poor'),
    ('near_poor_to_poor', 'poor', 'from_near_poor'),
    ('near_poor_escaped', 'near_poor', 'escaped'),
    ('poor_relapsed', 'poor', 'relapsed'),
    ('poor_new', 'poor', 'new'),
    ('near_poor_relapsed', 'near_poor', 'relapsed'),
    ('near_poor_new', 'near_poor', 'new')
),

-- The columns in which a household stands; one that changes between both classes stands in both forms.
stands_in as (
    select
        seen.*,
        form_column.form_code,
        form_column.column_code
    from seen
    cross join
        lateral (
            values
            (seen.class_code_at_start, 'start'),
            (case when seen.movement_code = 'other' then seen.class_code_at_start end, 'other_decrease'),
            (
                case
                    when seen.movement_code = 'other' and seen.previous_class_code is not null
                        then seen.class_code_at_end
                end,
                'other_increase'
            ),
            (seen.class_code_at_end, 'end')
        ) as form_column (form_code, column_code)
    where form_column.form_code in ('poor', 'near_poor')
    union all
    select
        seen.*,
        movement_column.form_code,
        movement_column.column_code
    from seen
    inner join movement_column on seen.movement_code = movement_column.movement_code
)

select
    household_id,
    household_code,
    review_year,
    standard_code,
    form_code,
    column_code,
    period_code,
    commune_code,
    district_code,
    province_code,
    previous_class_code,
    class_code,
    movement_code,
    member_count_at_start,
    member_count,
    -- who left otherwise is known from last year's list only
    case when column_code in ('start', 'other_decrease') then member_count_at_start else member_count end
        as person_count,
    is_on_last_list,
    is_unexplained,
    unexplained_reason_code,
    list_year,
    submission_id,
    sheet_name,
    row_number
from stands_in
